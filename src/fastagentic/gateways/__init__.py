"""What the gateway in between says about a call: its headers and fields become `GatewayFacts`. No client is known here."""
