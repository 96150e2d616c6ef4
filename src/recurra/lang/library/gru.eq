# GRU, the reset gate before the product (Cho et al. 2014)
# zh: GRU，重置门在矩阵乘积之前（Cho 等，2014）
z[t] = sigmoid(Uz @ x[t] + Wz @ h[t-1] + bz)
r[t] = sigmoid(Ur @ x[t] + Wr @ h[t-1] + br)
g[t] = tanh(Ug @ x[t] + Wg @ (r[t] * h[t-1]) + bg)
h[t] = z[t] * h[t-1] + (1 - z[t]) * g[t]
o[t] = softmax(V @ h[t] + s)
