"""Lecture 9: speed and memory of graph networks (smaller is better)."""

from . import common

BUILDERS = {  # options
    "gcn": {"hidden_dim": 64},
    "gat": {"hidden_dim": 64, "num_heads": 8},
    "gatv2": {"hidden_dim": 64, "num_heads": 8},
    "dot_attention_gnn": {"hidden_dim": 64},
    "graph_sage": {"hidden_dim": 64},
    "gin": {"hidden_dim": 64, "level": "node"},
}
NODES, FEATURES, DEGREE, STEPS = 10_000, 64, 10, 4


def random_batch(num_nodes):
    """Return the inputs of a model: one random graph with `DEGREE` edges to a node on average."""
    import numpy as np

    from keras_course.graphs import Graph, batch_graphs

    rng = np.random.default_rng(0)
    nodes = rng.normal(size=(num_nodes, FEATURES))
    return batch_graphs([Graph(nodes, *rng.integers(0, num_nodes, (2, DEGREE * num_nodes)))])


class Networks:
    """A forward pass and a training step of a network of two layers on a whole graph, per edge."""

    params = (common.BACKENDS, list(BUILDERS))
    param_names = ("backend", "builder")
    unit = "us/edge"

    def setup(self, backend, builder, num_nodes=None):
        common.select(backend)
        from keras_course import graphs

        self.batch = random_batch(num_nodes or NODES)
        self.model = getattr(graphs, builder)(FEATURES, 16, **BUILDERS[builder])

    def track_forward(self, backend, builder):
        """A compiled forward pass."""
        import keras

        from keras_course import ops

        inputs = [keras.ops.convert_to_tensor(self.batch[tensor.name]) for tensor in self.model.inputs]
        forward = ops.jit(lambda *inputs: self.model(inputs), variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: forward(*inputs)) / self.batch["senders"].size

    def track_training(self, backend, builder):
        """A step of `fit`, as a recipe makes it."""
        import itertools

        import keras
        import numpy as np

        from keras_course.ops import jit_training

        labels = np.random.default_rng(1).integers(0, 16, self.batch["nodes"].shape[:2])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile("adam", loss, jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        x = {tensor.name: self.batch[tensor.name] for tensor in self.model.inputs}

        def call():
            batches = (batch for batch in itertools.repeat((x, labels)))
            self.model.fit(batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)
            return self.model.optimizer.iterations.value

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * self.batch["senders"].size)


class Memory:
    """Peak resident memory of a process that trains a graph attention network on a graph of two sizes."""

    params = (common.BACKENDS, (1_000, 20_000))
    param_names = ("backend", "num_nodes")

    def setup(self, backend, num_nodes):
        common.select(backend)

    def peakmem_training(self, backend, num_nodes):
        networks = Networks()
        networks.setup(backend, "gat", num_nodes)
        networks.track_training(backend, "gat")


class Neighbors:
    """Edges between near points, and sampled neighborhoods; no backend has a part in them."""

    params = ((1_000, 10_000),)
    param_names = ("num_points",)
    unit = "us/point"

    def setup(self, num_points):
        import numpy as np

        from keras_course.graphs import Graph, knn_graph

        self.points = np.random.default_rng(0).random((num_points, 3))
        self.graph = Graph(self.points, *knn_graph(self.points, 10))

    def track_radius_graph(self, num_points):
        from keras_course.graphs import radius_graph

        radius = (10 / num_points) ** (1 / 3)
        return 1e6 * common.median_seconds(lambda: radius_graph(self.points, radius)[0].size) / num_points

    def track_neighbor_sample(self, num_points):
        from keras_course.graphs import neighbor_sample

        seeds = list(range(num_points // 10))
        return 1e6 * common.median_seconds(lambda: neighbor_sample(self.graph, seeds, [5, 5]).edges.size) / len(seeds)


RECIPES = {  # the recipe whose network and batches are timed
    "mpnn": "esol_mpnn",
    "dmpnn": "esol_dmpnn",
    "gns": "spring_particles_gns",
    "graphcast": "rossby_haurwitz_graphcast",
    "point_gnn": "lidar_scenes_point_gnn",
    "eta_supersegment": "road_traffic_eta",
}


def load(builder):
    """Return the compiled model of the recipe of a builder, and a batch of data without any download."""
    from keras_course import datasets, recipes
    from keras_course.recipes._part import build_model, compile_model

    row = recipes.RECIPES[RECIPES[builder]]
    data = row.task.on(datasets.get_dataset(row.task.data).offline).load()
    model = compile_model(build_model(row, data, seed=0), row, data)
    return model, next(iter(data.batches(row.batch_size, steps_per_epoch=STEPS, seed=0, start_epoch=0)))


class Applications:
    """A forward pass and a training step of the networks for molecules, physics, point clouds and traffic."""

    params = (common.BACKENDS, list(RECIPES))
    param_names = ("backend", "builder")
    unit = "us/example"

    def setup(self, backend, builder):
        common.select(backend)
        import keras

        self.model, self.batch = load(builder)
        self.size = len(keras.tree.flatten(self.batch[0])[0])

    def track_forward(self, backend, builder):
        """A compiled forward pass."""
        import keras

        from keras_course import ops

        x = keras.tree.map_structure(keras.ops.convert_to_tensor, self.batch[0])
        forward = ops.jit(lambda x: self.model(x), variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: forward(x)) / self.size

    def track_training(self, backend, builder):
        """A step of `fit`, as the recipe makes it."""
        import itertools

        def call():
            batches = (batch for batch in itertools.repeat(self.batch))
            self.model.fit(batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)
            return self.model.optimizer.iterations.value

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * self.size)


class Rollouts:
    """A rollout of a simulator of particles and of a weather forecast, with compilation."""

    params = (common.BACKENDS, ("gns", "graphcast"))
    param_names = ("backend", "builder")
    unit = "ms"

    def setup(self, backend, builder):
        common.select(backend)
        self.model, (x, _) = load(builder)
        self.states = x[:4]

    def track_roll_out(self, backend, builder):
        """Twenty steps of four trajectories."""
        from keras_course.graphs import roll_out

        order = 2 if builder == "gns" else 1  # accelerations, or changes

        def call():
            return roll_out(self.model, self.states, 20, scale=1e-3, order=order)

        return 1e3 * common.median_seconds(call, repeats=3, warmups=1)
