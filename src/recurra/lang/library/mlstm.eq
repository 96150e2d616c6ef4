# mLSTM, a matrix memory with exponential gates, stabilised (Beck et al. 2024)
# One head, without the block around it; the factor 1/sqrt(d) of the keys is left to Wk.
# zh: mLSTM：带指数门的矩阵记忆，数值稳定（Beck 等，2024）
# zh: 一个头，不含其外的块；键的因子 1/sqrt(d) 留给 Wk 去学。
e[t] = E @ x[t]
q[t] = Wq @ e[t] + bq
k[t] = Wk @ e[t] + bk
v[t] = Wv @ e[t] + bv
g[t] = dot(wi, e[t]) + bi
l[t] = -softplus(-dot(wf, e[t]) - bf)
m[t] = max(l[t] + m[t-1], g[t])
i[t] = exp(g[t] - m[t])
f[t] = exp(l[t] + m[t-1] - m[t])
C[t] = f[t] * C[t-1] + i[t] * outer(v[t], k[t])
n[t] = f[t] * n[t-1] + i[t] * k[t]
h[t] = sigmoid(Wo @ e[t] + bo) * (C[t] @ q[t]) / max(abs(dot(n[t], q[t])), exp(-m[t]))
o[t] = softmax(V @ (e[t] + h[t]) + s)
bf: constant(3)
