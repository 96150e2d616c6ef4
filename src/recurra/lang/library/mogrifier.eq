# Mogrifier LSTM: input and state gate each other (Melis et al. 2020)
# Simplified: two rounds, full matrices, one layer.
# zh: Mogrifier LSTM：输入与状态互为门控（Melis 等，2020）
# zh: 简化：两轮，满矩阵，一层。
e[t] = E @ x[t]
u[t] = 2 * sigmoid(Q1 @ h[t-1]) * e[t]
v[t] = 2 * sigmoid(R1 @ u[t]) * h[t-1]
i[t] = sigmoid(Ui @ u[t] + Wi @ v[t] + bi)
f[t] = sigmoid(Uf @ u[t] + Wf @ v[t] + bf)
g[t] = tanh(Ug @ u[t] + Wg @ v[t] + bg)
q[t] = sigmoid(Uq @ u[t] + Wq @ v[t] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(c[t])
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
