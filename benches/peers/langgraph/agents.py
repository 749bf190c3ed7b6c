"""LangGraph, area `agents`: one run of the tool loop (model node, tool node, model node) on a scripted model.

The graph is the one that LangGraph's documentation builds by hand, without a checkpointer: nothing is stored.
"""

import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
    os.environ[name] = "false"

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

calls = {"model": 0, "tool": 0}


class ScriptedModel(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], stop=None, run_manager=None, **kwargs) -> ChatResult:
        calls["model"] += 1
        last = messages[-1]
        if isinstance(last, ToolMessage):
            message = AIMessage(content=f"It is {last.content} in Ghent.")
        else:
            message = AIMessage(
                content="", tool_calls=[{"name": "weather", "args": {"city": "Ghent"}, "id": f"call_{len(messages)}"}]
            )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        # Without this the base class would hand the call to a thread.
        return self._generate(messages)


@tool
async def weather(city: str) -> str:
    """The weather in a city."""
    calls["tool"] += 1
    return "sunny"


model = ScriptedModel()
instructions = SystemMessage("Answer with the weather.")


async def call_model(state: MessagesState) -> dict:
    return {"messages": [await model.ainvoke([instructions, *state["messages"]])]}


graph = (
    StateGraph(MessagesState)
    .add_node("model", call_model)
    .add_node("tools", ToolNode([weather]))
    .add_edge(START, "model")
    .add_conditional_edges("model", tools_condition)
    .add_edge("tools", "model")
    .compile()
)

READY_CPU_NS = time.process_time_ns()

import measure


async def run() -> None:
    calls["model"] = calls["tool"] = 0
    result = await graph.ainvoke({"messages": [HumanMessage("What is the weather in Ghent?")]})
    assert result["messages"][-1].content == "It is sunny in Ghent.", result
    assert calls == {"model": 2, "tool": 1}, calls


measure.report("langgraph", version("langgraph"), "agents", run, READY_CPU_NS)
