# W-RNN: two layers; the second also reads yesterday's first layer, through R
# zh: W-RNN：两层；第二层还通过 R 读取上一步的第一层
f1 = tanh
f2 = tanh
a[t] = f1(U @ x[t] + W @ a[t-1] + s1)
b[t] = f2(V @ a[t] + R @ a[t-1] + T @ b[t-1] + s2)
o[t] = softmax(Q @ b[t] + s3)
