# GRU behind an embedding, the form in which torch.nn.GRU reads characters
e[t] = E @ x[t]
z[t] = sigmoid(Uz @ e[t] + Wz @ h[t-1] + bz)
r[t] = sigmoid(Ur @ e[t] + Wr @ h[t-1] + br)
g[t] = tanh(Ug @ e[t] + bg + r[t] * (Wg @ h[t-1] + cg))
h[t] = z[t] * h[t-1] + (1 - z[t]) * g[t]
o[t] = softmax(V @ h[t] + s)
