# Multiplicative LSTM: the character chooses the recurrent matrix (Krause et al. 2016)
# zh: 乘法 LSTM：由字符选择循环矩阵（Krause 等，2016）
m[t] = (Um @ x[t]) * (Wm @ h[t-1])
i[t] = sigmoid(Ui @ x[t] + Wi @ m[t] + bi)
f[t] = sigmoid(Uf @ x[t] + Wf @ m[t] + bf)
g[t] = tanh(Ug @ x[t] + Wg @ m[t] + bg)
q[t] = sigmoid(Uq @ x[t] + Wq @ m[t] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = tanh(q[t] * c[t])
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
