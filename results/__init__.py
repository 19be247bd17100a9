"""What came out: the store of records, and everything that is made from records alone.

Nothing here needs a simulator or torch.
"""
