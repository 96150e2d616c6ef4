# W-RNN for thousands of characters: one embedding for both ways, characters in classes
classes = 256
f1 = tanh
f2 = tanh
e[t] = E @ x[t]
a[t] = f1(U @ e[t] + W @ a[t-1] + s1)
b[t] = f2(V @ a[t] + R @ a[t-1] + T @ b[t-1] + s2)
p[t] = P @ b[t]
o[t] = softmax(E.T @ p[t] + s3, classes)
