# Two tanh layers, each recurrent in itself
# zh: 两个 tanh 层，各自循环
f1 = tanh
f2 = tanh
a[t] = f1(U @ x[t] + W @ a[t-1] + s1)
b[t] = f2(V @ a[t] + T @ b[t-1] + s2)
o[t] = softmax(Q @ b[t] + s3)
