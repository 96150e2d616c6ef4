# LSTM with tied weights (Press & Wolf 2017), for thousands of characters: rare ones are in classes
# zh: 权重共享的 LSTM（Press 和 Wolf，2017），面向数千种字符：不常见的字符分成若干类
shortlist = 1000
e[t] = E @ x[t]
i[t] = sigmoid(Ui @ e[t] + Wi @ h[t-1] + bi)
f[t] = sigmoid(Uf @ e[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Ug @ e[t] + Wg @ h[t-1] + bg)
q[t] = sigmoid(Uq @ e[t] + Wq @ h[t-1] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(c[t])
p[t] = P @ h[t] + s1
o[t] = softmax(E.T @ p[t] + s2, shortlist)
bf: constant(1)
