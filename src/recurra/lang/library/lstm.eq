# LSTM with forget gate (Hochreiter & Schmidhuber 1997, Gers et al. 2000)
# zh: 带遗忘门的 LSTM（Hochreiter 和 Schmidhuber，1997；Gers 等，2000）
i[t] = sigmoid(Ui @ x[t] + Wi @ h[t-1] + bi)
f[t] = sigmoid(Uf @ x[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Ug @ x[t] + Wg @ h[t-1] + bg)
q[t] = sigmoid(Uq @ x[t] + Wq @ h[t-1] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(c[t])
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
