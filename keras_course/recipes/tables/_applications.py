"""Recipes of lecture 9 about applications: objects in a point cloud, and travel times."""

from keras_course.recipes._optimizers import AdamW
from keras_course.recipes._recipe import Recipe
from keras_course.recipes.tasks.scenes import Detection
from keras_course.recipes.tasks.traffic import TravelTime

APPLICATIONS = (
    Recipe(
        name="lidar_scenes_point_gnn",
        summary="a small Point-GNN finds cars, cyclists and pedestrians in simulated scans, without any download",
        task=Detection(),
        topic="graphs",
        builder="point_gnn",
        preset="tiny",
        optimizer=AdamW(peak_rate=4e-3, final_rate=1e-5, warmup=50, weight_decay=0.01),
        steps=1_200,
        batch_size=4,
        expected=64.8,
        tolerance=5.0,
        minutes=2,
    ),
    Recipe(
        name="road_traffic_eta",
        summary="a graph network of road segments predicts travel times in simulated traffic, without any download",
        task=TravelTime(),
        topic="graphs",
        builder="eta_supersegment",
        preset="tiny",
        optimizer=AdamW(peak_rate=3e-3, final_rate=1e-5, warmup=50, weight_decay=0.01),
        steps=1_500,
        batch_size=64,
        expected=75.9,
        tolerance=6.0,
        minutes=1,
    ),
)
