"""scikit-learn's tools around Keras models: grid search, cross-validation and a pipeline with real data."""
import numpy as np
from sklearn.datasets import load_iris, load_diabetes
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

from keras.layers import Dense, Dropout
from keras.models import Sequential
from keras.optimizers import Adam
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

np.random.seed(7)
iris = load_iris()
X = iris.data.astype('float32')
names = iris.target_names[iris.target]  # 'setosa', 'versicolor', 'virginica'


def create_model(neurons=8, dropout_rate=0.0, learn_rate=0.03):
    model = Sequential()
    model.add(Dense(neurons, input_dim=4, kernel_initializer='uniform', activation='relu'))
    model.add(Dropout(dropout_rate))
    model.add(Dense(3, kernel_initializer='uniform', activation='softmax'))
    model.compile(loss='categorical_crossentropy', optimizer=Adam(lr=learn_rate), metrics=['accuracy'])
    return model


# a pipeline, whose steps are fitted anew in each fold
y = LabelEncoder().fit_transform(names)
line = Pipeline([('standardize', StandardScaler()), ('mlp', KerasClassifier(create_model, epochs=12, batch_size=25, verbose=0))])
results = cross_val_score(line, X, y, cv=StratifiedKFold(n_splits=2, shuffle=True, random_state=7))
print('Results: %.2f%% (%.2f%%)' % (results.mean() * 100, results.std() * 100))
assert results.mean() > 0.7

# a grid over arguments of the model and of fit; labels may be strings: the wrapper numbers them
estimator = KerasClassifier(build_fn=create_model, batch_size=25, verbose=0)
grid = GridSearchCV(estimator=estimator, param_grid={'neurons': [10], 'epochs': [1, 15]}, cv=2)
grid_result = grid.fit(X, names)
print('Best: %f using %s' % (grid_result.best_score_, grid_result.best_params_))
for mean, params in zip(grid_result.cv_results_['mean_test_score'], grid_result.cv_results_['params']):
    print('%f with: %r' % (mean, params))
assert grid_result.best_params_ == {'epochs': 15, 'neurons': 10}
assert set(grid.predict(X)) <= set(iris.target_names) and grid.score(X, names) > 0.7
assert grid.best_estimator_.model.count_params() == 83


# regression
def baseline_model():
    model = Sequential()
    model.add(Dense(13, input_dim=10, kernel_initializer='normal', activation='relu'))
    model.add(Dense(1, kernel_initializer='normal'))
    model.compile(loss='mean_squared_error', optimizer=Adam(lr=0.05))
    return model


diabetes = load_diabetes()
target = (diabetes.target - diabetes.target.mean()) / diabetes.target.std()
regressor = KerasRegressor(build_fn=baseline_model, epochs=8, batch_size=34, verbose=0)
regressor.fit(diabetes.data * 20, target)
score = regressor.score(diabetes.data * 20, target)
print('Baseline: %.2f MSE' % -score)
assert -1 < score < 0  # minus the loss: better than the mean
