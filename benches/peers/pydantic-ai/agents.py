"""pydantic-ai, area `agents`: one agent run of two model calls and one tool call on a scripted model."""

import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

calls = {"model": 0, "tool": 0}


async def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    calls["model"] += 1
    last = messages[-1].parts[-1]
    if isinstance(last, ToolReturnPart):
        return ModelResponse(parts=[TextPart(f"It is {last.content} in Ghent.")])
    return ModelResponse(parts=[ToolCallPart("weather", {"city": "Ghent"})])


agent = Agent(FunctionModel(script), instructions="Answer with the weather.")


@agent.tool_plain
async def weather(city: str) -> str:
    """The weather in a city."""
    calls["tool"] += 1
    return "sunny"


READY_CPU_NS = time.process_time_ns()

import measure


async def run() -> None:
    calls["model"] = calls["tool"] = 0
    result = await agent.run("What is the weather in Ghent?")
    assert result.output == "It is sunny in Ghent.", result.output
    assert calls == {"model": 2, "tool": 1}, calls


measure.report("pydantic-ai", version("pydantic-ai-slim"), "agents", run, READY_CPU_NS)
