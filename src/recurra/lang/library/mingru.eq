# minGRU: gate and candidate read the input alone (Feng et al. 2024)
# Simplified: one layer behind an embedding, no convolution, no log-space form.
# zh: minGRU：门与候选状态只读取输入（Feng 等，2024）
# zh: 简化：嵌入之后只有一层，无卷积，不用对数空间的形式。
e[t] = E @ x[t]
z[t] = sigmoid(Z @ e[t] + bz)
g[t] = G @ e[t] + bg
h[t] = (1 - z[t]) * h[t-1] + z[t] * g[t]
o[t] = softmax(V @ h[t] + s)
