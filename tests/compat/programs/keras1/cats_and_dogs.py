'''Little data: pictures in directories, changed at random, for a small convnet.

data/
    train/
        cats/ 001.jpg ...
        dogs/ 001.jpg ...
    validation/
        cats/ ...
        dogs/ ...
'''
import os
import tempfile

import numpy as np
from PIL import Image

from keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img
from keras.models import Sequential
from keras.layers import Convolution2D, MaxPooling2D, ZeroPadding2D
from keras.layers import Activation, Dropout, Flatten, Dense
from keras import backend as K

np.random.seed(2)

# dimensions of our images.
img_width, img_height = 16, 16

data_dir = tempfile.mkdtemp()
train_data_dir = os.path.join(data_dir, 'train')
validation_data_dir = os.path.join(data_dir, 'validation')
nb_train_samples = 60
nb_validation_samples = 20
nb_epoch = 6


def draw(kind):
    '''Cats are round, dogs are square.'''
    rows, columns = np.mgrid[:24, :24]
    middle = np.random.randint(10, 14, 2)
    away = [np.abs(rows - middle[0]), np.abs(columns - middle[1])]
    inside = (away[0] ** 2 + away[1] ** 2 < 20) if kind == 'cats' else (np.maximum(*away) < 9)
    picture = np.random.randint(0, 40, (24, 24, 3))
    picture[inside] += 180
    return picture.astype('uint8')


for folder, count in ((train_data_dir, nb_train_samples), (validation_data_dir, nb_validation_samples)):
    for kind in ('cats', 'dogs'):
        os.makedirs(os.path.join(folder, kind))
        for i in range(count // 2):
            Image.fromarray(draw(kind)).save(os.path.join(folder, kind, '%03d.jpg' % i))

# a look at what becomes of one picture
datagen = ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
        fill_mode='nearest')
img = load_img(os.path.join(train_data_dir, 'cats', '000.jpg'))  # this is a PIL image
x = img_to_array(img)
x = x.reshape((1,) + x.shape)
preview = os.path.join(data_dir, 'preview')
os.mkdir(preview)
i = 0
for batch in datagen.flow(x, batch_size=1, save_to_dir=preview, save_prefix='cat', save_format='jpeg'):
    i += 1
    if i >= 5:
        break  # otherwise the generator would loop indefinitely
assert len([name for name in os.listdir(preview) if name.startswith('cat_') and name.endswith('.jpeg')]) > 0
assert array_to_img(batch[0]).size == (24, 24)

channels_first = K.image_dim_ordering() == 'th'
model = Sequential()
model.add(Convolution2D(8, 3, 3, input_shape=(3, img_width, img_height) if channels_first
                        else (img_width, img_height, 3)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(ZeroPadding2D((1, 1)))
model.add(Convolution2D(8, 3, 3))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))

model.add(Flatten())
model.add(Dense(16))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(1))
model.add(Activation('sigmoid'))

model.compile(loss='binary_crossentropy',
              optimizer='rmsprop',
              metrics=['accuracy'])

# this is the augmentation configuration we will use for training
train_datagen = ImageDataGenerator(
        rescale=1./255,
        shear_range=0.1,
        zoom_range=0.1,
        horizontal_flip=True)

# this is the augmentation configuration we will use for testing: only rescaling
test_datagen = ImageDataGenerator(rescale=1./255)

train_generator = train_datagen.flow_from_directory(
        train_data_dir,
        target_size=(img_width, img_height),
        batch_size=10,
        class_mode='binary')

validation_generator = test_datagen.flow_from_directory(
        validation_data_dir,
        target_size=(img_width, img_height),
        batch_size=10,
        class_mode='binary')
assert train_generator.class_indices == {'cats': 0, 'dogs': 1} and train_generator.nb_sample == nb_train_samples

history = model.fit_generator(
        train_generator,
        samples_per_epoch=nb_train_samples,
        nb_epoch=nb_epoch,
        verbose=2,
        validation_data=validation_generator,
        nb_val_samples=nb_validation_samples)

model.save_weights(os.path.join(data_dir, 'first_try.h5'))
assert len(history.history['val_acc']) == nb_epoch
assert history.history['val_acc'][-1] > 0.8, history.history
loss, accuracy = model.evaluate_generator(validation_generator, val_samples=nb_validation_samples)
assert abs(accuracy - history.history['val_acc'][-1]) < 1e-5
