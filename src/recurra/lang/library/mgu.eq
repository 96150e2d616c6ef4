# MGU: minimal gated unit, one gate (Zhou et al. 2016)
# zh: MGU：最小门控单元，只有一个门（Zhou 等，2016）
f[t] = sigmoid(Uf @ x[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Ug @ x[t] + Wg @ (f[t] * h[t-1]) + bg)
h[t] = (1 - f[t]) * h[t-1] + f[t] * g[t]
o[t] = softmax(V @ h[t] + s)
