# LSTM behind an embedding, the form in which torch.nn.LSTM reads characters
e[t] = E @ x[t]
i[t] = sigmoid(Ui @ e[t] + Wi @ h[t-1] + bi)
f[t] = sigmoid(Uf @ e[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Ug @ e[t] + Wg @ h[t-1] + bg)
q[t] = sigmoid(Uq @ e[t] + Wq @ h[t-1] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(c[t])
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
