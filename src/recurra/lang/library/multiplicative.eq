# Multiplicative LSTM: the character chooses the recurrent matrix (Krause et al. 2016)
# Um starts at 1, so that all characters begin with one recurrent matrix: drawn at random, its products
# with Wm let gradients explode after some hundred steps.
# zh: 乘法 LSTM：由字符选择循环矩阵（Krause 等，2016）
# zh: Um 从 1 开始，所有字符起初共用一个循环矩阵：若随机取值，它与 Wm 的乘积会使梯度在几百步后爆炸。
m[t] = (Um @ x[t]) * (Wm @ h[t-1])
i[t] = sigmoid(Ui @ x[t] + Wi @ m[t] + bi)
f[t] = sigmoid(Uf @ x[t] + Wf @ m[t] + bf)
g[t] = tanh(Ug @ x[t] + Wg @ m[t] + bg)
q[t] = sigmoid(Uq @ x[t] + Wq @ m[t] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = tanh(q[t] * c[t])
o[t] = softmax(V @ h[t] + s)
Um: constant(1)
bf: constant(1)
