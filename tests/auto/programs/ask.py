"""A program that knows nothing of fastagentic: one call of the OpenAI SDK at a gateway."""

import os
import sys


def ask(question="Does it ship?"):
    from openai import OpenAI

    with OpenAI(base_url=os.environ["STAND_IN"], api_key="sk-own", default_headers={"x-portkey-config": "{}"}) as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content


if __name__ == "__main__":
    print(bool(ask()), *sys.argv[1:])
