# AntisymmetricRNN with a gate: W - W.T has no growing directions (Chang et al. 2019)
# zh: 带门的反对称 RNN：W - W.T 没有会增长的方向（Chang 等，2019）
step = 0.5
gamma = 1
v[t] = W @ h[t-1] - W.T @ h[t-1] - gamma * h[t-1]
z[t] = sigmoid(v[t] + Uz @ x[t] + bz)
h[t] = h[t-1] + step * z[t] * tanh(v[t] + U @ x[t] + b)
o[t] = softmax(V @ h[t] + s)
