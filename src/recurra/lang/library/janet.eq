# JANET: LSTM with the forget gate alone (van der Westhuizen & Lasenby 2018)
# zh: JANET：只有遗忘门的 LSTM（van der Westhuizen 和 Lasenby，2018）
beta = 1
v[t] = Uf @ x[t] + Wf @ h[t-1] + bf
g[t] = tanh(Ug @ x[t] + Wg @ h[t-1] + bg)
h[t] = sigmoid(v[t]) * h[t-1] + (1 - sigmoid(v[t] - beta)) * g[t]
o[t] = softmax(V @ h[t] + s)
bf: constant(1)
