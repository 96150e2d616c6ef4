# LSTM with peepholes: gates see the cell (Gers et al. 2002; Graves 2013)
# zh: 带窥视孔的 LSTM：门能看到细胞状态（Gers 等，2002；Graves，2013）
i[t] = sigmoid(Ui @ x[t] + Wi @ h[t-1] + pi * c[t-1] + bi)
f[t] = sigmoid(Uf @ x[t] + Wf @ h[t-1] + pf * c[t-1] + bf)
g[t] = tanh(Ug @ x[t] + Wg @ h[t-1] + bg)
c[t] = f[t] * c[t-1] + i[t] * g[t]
q[t] = sigmoid(Uq @ x[t] + Wq @ h[t-1] + pq * c[t] + bq)
h[t] = q[t] * tanh(c[t])
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
