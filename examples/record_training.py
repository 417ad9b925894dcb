"""Train an embedding model on question and answer pairs and keep its record. Needs `cardgen[train]` and the Hub."""

from datasets import load_dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.losses import MultipleNegativesRankingLoss

import cardgen

model = SentenceTransformer("microsoft/mpnet-base")
trainer = SentenceTransformerTrainer(
    model=model,
    args=SentenceTransformerTrainingArguments(output_dir="output", num_train_epochs=1, logging_steps=10),
    train_dataset=load_dataset("sentence-transformers/natural-questions", split="train[:1000]"),
    loss=MultipleNegativesRankingLoss(model),
)

with cardgen.track(trainer, project="examples", tags=["nq"]) as run:
    trainer.train()
    model.save_pretrained("output/final")

print(f"recorded as {run.name}; its card: cardgen render {run.name}")
