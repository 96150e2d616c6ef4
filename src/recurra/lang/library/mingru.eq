# minGRU: gate and candidate read the input alone (Feng et al. 2024)
# Simplified: one layer behind an embedding, no convolution, no log-space form.
e[t] = E @ x[t]
z[t] = sigmoid(Z @ e[t] + bz)
g[t] = G @ e[t] + bg
h[t] = (1 - z[t]) * h[t-1] + z[t] * g[t]
o[t] = softmax(V @ h[t] + s)
