# minLSTM: two gates of the input alone, scaled to a sum of 1 (Feng et al. 2024)
# Simplified: one layer behind an embedding, no convolution, no log-space form.
# zh: minLSTM：两个门只读取输入，并缩放到和为 1（Feng 等，2024）
# zh: 简化：嵌入之后只有一层，无卷积，不用对数空间的形式。
e[t] = E @ x[t]
f[t] = sigmoid(F @ e[t] + bf)
i[t] = sigmoid(I @ e[t] + bi)
g[t] = G @ e[t] + bg
h[t] = f[t] / (f[t] + i[t]) * h[t-1] + i[t] / (f[t] + i[t]) * g[t]
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
