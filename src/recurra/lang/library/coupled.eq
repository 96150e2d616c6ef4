# LSTM with coupled gates, the input gate is 1 - f (Greff et al. 2017, variant CIFG)
# zh: 耦合门的 LSTM，输入门为 1 - f（Greff 等，2017，变体 CIFG）
f[t] = sigmoid(Uf @ x[t] + Wf @ h[t-1] + bf)
g[t] = tanh(Ug @ x[t] + Wg @ h[t-1] + bg)
q[t] = sigmoid(Uq @ x[t] + Wq @ h[t-1] + bq)
c[t] = f[t] * c[t-1] + (1 - f[t]) * g[t]
h[t] = q[t] * tanh(c[t])
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
