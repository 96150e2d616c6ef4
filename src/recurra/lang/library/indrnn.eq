# IndRNN: two layers, each unit recurrent only in itself (Li et al. 2018)
# zh: IndRNN：两层，每个单元只与自身循环相连（Li 等，2018）
a[t] = relu(U @ x[t] + u * a[t-1] + s1)
b[t] = relu(V @ a[t] + v * b[t-1] + s2)
o[t] = softmax(Q @ b[t] + s3)
u: uniform(1)
v: uniform(1)
