# LSTM with layer normalisation (Ba et al. 2016)
# Simplified: each gate is normalised by itself, not all four as one vector.
# zh: 带层归一化的 LSTM（Ba 等，2016）
# zh: 简化：每个门各自归一化，而不是四个门合成一个向量。
i[t] = sigmoid(ai * norm(Ui @ x[t]) + gi * norm(Wi @ h[t-1]) + bi)
f[t] = sigmoid(af * norm(Uf @ x[t]) + gf * norm(Wf @ h[t-1]) + bf)
g[t] = tanh(ag * norm(Ug @ x[t]) + gg * norm(Wg @ h[t-1]) + bg)
q[t] = sigmoid(aq * norm(Uq @ x[t]) + gq * norm(Wq @ h[t-1]) + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(gc * norm(c[t]) + bc)
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
ai: constant(1)
af: constant(1)
ag: constant(1)
aq: constant(1)
gi: constant(1)
gf: constant(1)
gg: constant(1)
gq: constant(1)
gc: constant(1)
