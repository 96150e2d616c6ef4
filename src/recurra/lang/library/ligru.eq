# Li-GRU: light GRU, no reset gate, relu (Ravanelli et al. 2018)
# Simplified: layer normalisation for batch normalisation.
# zh: Li-GRU：轻量 GRU，无重置门，用 relu（Ravanelli 等，2018）
# zh: 简化：以层归一化代替批归一化。
z[t] = sigmoid(norm(Uz @ x[t]) + Wz @ h[t-1] + bz)
g[t] = relu(norm(Ug @ x[t]) + Wg @ h[t-1] + bg)
h[t] = z[t] * h[t-1] + (1 - z[t]) * g[t]
o[t] = softmax(V @ h[t] + s)
