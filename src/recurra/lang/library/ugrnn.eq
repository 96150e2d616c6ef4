# UGRNN: update gate alone (Collins et al. 2017)
# zh: UGRNN：只有更新门（Collins 等，2017）
g[t] = sigmoid(Ug @ x[t] + Wg @ h[t-1] + bg)
c[t] = tanh(Uc @ x[t] + Wc @ h[t-1] + bc)
h[t] = g[t] * h[t-1] + (1 - g[t]) * c[t]
o[t] = softmax(V @ h[t] + s)
bg: constant(1)
