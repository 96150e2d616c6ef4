# GRU, the reset gate behind the product (as in cuDNN and torch.nn.GRU): one stacked product a step
# zh: GRU，重置门在矩阵乘积之后（如 cuDNN 和 torch.nn.GRU）：每步只有一个合并的乘积
z[t] = sigmoid(Uz @ x[t] + Wz @ h[t-1] + bz)
r[t] = sigmoid(Ur @ x[t] + Wr @ h[t-1] + br)
g[t] = tanh(Ug @ x[t] + bg + r[t] * (Wg @ h[t-1] + cg))
h[t] = z[t] * h[t-1] + (1 - z[t]) * g[t]
o[t] = softmax(V @ h[t] + s)
