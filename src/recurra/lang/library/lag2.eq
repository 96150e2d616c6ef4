# Two lags: tanh RNN that also reads the state of two steps ago (NARX-like, Lin et al. 1996)
# zh: 两步延迟：还读取两步之前状态的 tanh RNN（类似 NARX，Lin 等，1996）
f = tanh
h[t] = f(U @ x[t] + W1 @ h[t-1] + W2 @ h[t-2] + s1)
o[t] = softmax(V @ h[t] + s2)
