// Suggestions while a question is typed; without this script the form works all the same.
const WAIT = 150; // milliseconds after the last key

for (const input of document.querySelectorAll("input[data-suggest]")) {
  const list = document.createElement("datalist");
  list.id = `${input.id}-suggestions`;
  input.after(list);
  input.setAttribute("list", list.id);
  let timer, asked;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const question = input.value.trim();
      if (question.length < 2 || question === asked) return;
      asked = question;
      const answer = await fetch(`${input.dataset.suggest}?q=${encodeURIComponent(question)}`);
      if (!answer.ok || question !== asked) return;
      const [, texts, kinds] = await answer.json();
      list.replaceChildren(
        ...texts.map((text, at) => {
          const option = document.createElement("option");
          option.value = text;
          option.label = kinds[at];
          return option;
        }),
      );
    }, WAIT);
  });
}
