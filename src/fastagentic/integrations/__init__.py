"""What a user constructs for one product, at its documented path: `integrations.portkey.PortkeyGateway` and its like.

A gateway here is what the user wrote down; what it lends to a call is plain data (`gateways/lent.py`), which the client's
reader puts into the request. None of the products' SDKs is imported before one is asked for.
"""
