"""Text to ids: documents, the tokenizer, token shards."""
