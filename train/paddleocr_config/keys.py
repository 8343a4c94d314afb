"""What PaddleOCR's training configuration calls the settings of ours, and what stands here for the rest."""

TRANSFORMS = "Train.dataset.transforms"
CHANGES = f"{TRANSFORMS}.IaaAugment.augmenter_args"
PLAIN = {
    "Global.epoch_num": "epochs",
    "Train.epochs_iters": "epochs",
    "Global.seed": "seed",
    "Train.loader.batch_size_per_card": "batch_size",
    "Train.batch_size": "batch_size",
    "Train.learning_rate": "optimiser.learning_rate",
    "Optimizer.lr.learning_rate": "optimiser.learning_rate",
    "Optimizer.lr": "optimiser.learning_rate",
    "Optimizer.regularizer.factor": "optimiser.weight_decay",
    "Optimizer.weight_decay": "optimiser.weight_decay",
    "Optimizer.clip_norm": "optimiser.clip_norm",
    "Optimizer.clip_norm_global": "optimiser.clip_norm",
    f"{TRANSFORMS}.RecConAug.prob": "augmentation.concat",
    f"{CHANGES}.Fliplr.p": "detection.flip",
    "PostProcess.thresh": "detection.thresh",
    "PostProcess.box_thresh": "detection.box_thresh",
    "PostProcess.unclip_ratio": "detection.unclip_ratio",
}
"""Their key -> ours, the value as it is."""
OPTIMISERS = {"Adam": "adam", "AdamW": "adamw", "Momentum": "sgd", "SGD": "sgd"}
SCHEDULES = {"Cosine": "cosine", "OneCycle": "one_cycle", "Const": "constant", "Linear": "cosine"}
SAID = {
    "Train.dataset.data_dir": "name the data on the command line: --data DIR",
    "Train.dataset.label_file_list": "name the data on the command line: --data DIR, or a search's --train-labels FILE",
    "Eval.dataset.label_file_list": "name the data on the command line: --data DIR, or a search's --val-labels FILE",
    "Global.dataset_dir": "name the data on the command line: --data DIR",
    "Global.save_model_dir": "--output DIR",
    "Global.output": "--output DIR",
    "Global.use_gpu": "a GPU is used where there is one",
    "Global.device": "a GPU is used where there is one",
    "Global.use_space_char": "a space can be written where the dictionary or a label holds one",
    "Global.max_text_length": "a text may be as long as its line has output steps",
    "Global.d2s_train_image_shape": "lines are 48 px high and keep their own width (fit_width)",
    f"{TRANSFORMS}.RecResizeImg.image_shape": "lines are 48 px high and keep their own width (fit_width)",
    "Global.eval_batch_step": "validation is read after every epoch",
    "Train.sampler.scales": "see multi_scale",
    "Loss": "CTC for lines, DBNet's loss for photos",
    "Architecture": "the model's own",
    "Optimizer.regularizer.name": "L2, apart from the gradient in AdamW",
}
"""Their key -> what stands for it here."""
