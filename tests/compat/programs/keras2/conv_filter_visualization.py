'''What the filters of a trained network look for: gradient ascent on the input, one filter at a time.'''
from __future__ import print_function
import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential

np.random.seed(11)
size = 10

# stripes in two directions: what there is to be seen
x_train = np.random.normal(0, .1, (96, size, size, 1)).astype('float32')
y_train = np.zeros((96, 2))
for i in range(96):
    phase = np.random.randint(2)
    if i % 2:
        x_train[i, phase::2] += 1
    else:
        x_train[i, :, phase::2] += 1
    y_train[i, i % 2] = 1

model = Sequential()
model.add(Conv2D(4, (3, 3), activation='relu', name='conv1', input_shape=(size, size, 1)))
model.add(MaxPooling2D((2, 2), strides=(1, 1)))
model.add(Conv2D(6, (3, 3), activation='relu', name='conv2'))
model.add(Flatten())
model.add(Dense(2, activation='softmax', name='predictions'))
model.set_weights([np.random.normal(.03, .2, w.shape) for w in model.get_weights()])
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
model.fit(x_train, y_train, batch_size=16, epochs=6, verbose=0)

input_img = model.input
layer_dict = dict([(layer.name, layer) for layer in model.layers])


def deprocess_image(x):
    x -= x.mean()
    x /= (x.std() + K.epsilon())
    x *= 0.25
    x += 0.5
    x = np.clip(x, 0, 1)
    x *= 255
    return np.clip(x, 0, 255).astype('uint8')


def normalize(x):
    return x / (K.sqrt(K.mean(K.square(x))) + K.epsilon())


kept_filters = []
for filter_index in range(3):
    layer_output = layer_dict['conv2'].output
    loss = K.mean(layer_output[:, :, :, filter_index])
    grads = K.gradients(loss, input_img)[0]
    grads = normalize(grads)
    iterate = K.function([input_img], [loss, grads])

    input_img_data = (np.random.random((1, size, size, 1)) - 0.5) * 0.2
    first = None
    for i in range(6):
        loss_value, grads_value = iterate([input_img_data])
        first = loss_value if first is None else first
        if loss_value <= 0.:
            break  # a filter that is stuck at zero
        input_img_data += grads_value * 0.5
    print('Filter', filter_index, 'from', first, 'to', loss_value)
    if loss_value > 0:
        assert loss_value > first
        kept_filters.append((deprocess_image(input_img_data[0]), loss_value))

assert len(kept_filters) >= 1
kept_filters.sort(key=lambda x: x[1], reverse=True)
assert kept_filters[0][0].dtype == np.uint8 and kept_filters[0][0].shape == (size, size, 1)

# the class that is asked for is the class that is then seen
for wanted in range(2):
    loss = K.mean(model.layers[-1].output[:, wanted])
    grads = K.gradients(loss, input_img)[0]
    iterate = K.function([input_img, K.learning_phase()], [loss, grads])
    image = np.random.random((1, size, size, 1)) * 0.1
    for i in range(15):
        image += 0.3 * np.sign(iterate([image, 0])[1])
    assert model.predict(image)[0].argmax() == wanted
