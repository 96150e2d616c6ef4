# Three residual layers, each normalised before it is read (He et al. 2016, Xiong et al. 2020)
# zh: 三个残差层，每层先归一化再被读取（He 等，2016；Xiong 等，2020）
layers = 3
h[0][t] = E @ x[t]
c[l][t] = tanh(V[l] @ norm(h[l-1][t]) + W[l] @ c[l][t-1] + s[l])
h[l][t] = h[l-1][t] + P[l] @ c[l][t]
o[t] = softmax(Q @ norm(h[layers][t]) + q)
