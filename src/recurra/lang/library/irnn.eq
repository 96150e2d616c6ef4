# IRNN: relu with an identity start (Le, Jaitly & Hinton 2015)
# zh: IRNN：relu，循环矩阵以单位矩阵开始（Le、Jaitly 和 Hinton，2015）
h[t] = relu(U @ x[t] + W @ h[t-1] + s1)
o[t] = softmax(V @ h[t] + s2)
W: identity
