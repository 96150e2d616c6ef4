# RG-LRU: real-gated linear recurrent unit (De et al. 2024, Griffin)
# Simplified: no convolution before it, full matrices in the gates, all units begin with one decay,
# and a millionth inside the root, whose slope is infinite at 0.
# zh: RG-LRU：实数门控的线性循环单元（De 等，2024，Griffin）
# zh: 简化：其前无卷积，门用满矩阵；所有单元的衰减初值相同；根号内加百万分之一，因为根号在 0 处斜率无穷大。
c = 8
e[t] = E @ x[t]
r[t] = sigmoid(A @ e[t] + ba)
i[t] = sigmoid(B @ e[t] + bx)
a[t] = exp(c * r[t] * log(sigmoid(k)))
h[t] = a[t] * h[t-1] + sqrt(1.000001 - a[t] ** 2) * (i[t] * e[t])
y[t] = gelu(G @ e[t] + g) * h[t]
o[t] = softmax(Q @ y[t] + s)
k: constant(6)
