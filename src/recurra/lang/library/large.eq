# LSTM for thousands of characters, of which all but the most frequent are in classes
# zh: 面向数千种字符的 LSTM：除最常见的字符外，其余字符分成若干类
shortlist = 1000
i[t] = sigmoid(Ui @ x[t] + Wi @ h[t-1] + bi)
f[t] = sigmoid(Uf @ x[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Ug @ x[t] + Wg @ h[t-1] + bg)
q[t] = sigmoid(Uq @ x[t] + Wq @ h[t-1] + bq)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = q[t] * tanh(c[t])
o[t] = softmax(V @ h[t] + s, shortlist)
bf: constant(1)
