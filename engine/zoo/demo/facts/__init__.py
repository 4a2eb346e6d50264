"""The facts question-answering set: invented people, places, organisations and events, and questions about them."""

from engine.zoo.demo.facts.paragraphs import Paragraph, Question, paragraphs

__all__ = ["Paragraph", "Question", "paragraphs"]
