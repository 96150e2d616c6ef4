# Tied weights: one embedding read both ways, input and output (Press & Wolf 2017)
# zh: 权重共享：同一个嵌入用于输入和输出两个方向（Press 和 Wolf，2017）
f = tanh
e[t] = E @ x[t]
h[t] = f(U @ e[t] + W @ h[t-1] + s1)
p[t] = P @ h[t] + s2
o[t] = softmax(E.T @ p[t] + s3)
