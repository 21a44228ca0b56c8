// Lesson: a job in JavaScript. It is a component of the world `job` in host/wit/job.wit, with an engine inside.

// `return` is a word of the language, so the interface is taken whole.
import host from "ampule:job/host@0.1.0";

/** Does the job. What is thrown here is the failure of the run. */
export function run(kwargs) {
  const { testvar } = JSON.parse(kwargs);
  if (!Number.isSafeInteger(testvar)) {
    const message = `expected \`testvar\`, an integer, found ${JSON.stringify(testvar)}`;
    throw { type: "bad_kwargs", message, traceback: null, retry: false };
  }
  _return(testvar + 5);
  _return(testvar + 5 + 5);
  // Whatever else were given back here would count as one last value.
  return null;
}

/** Hands a value out. May be called any number of times, and never ends the job. */
function _return(value) {
  host.return(JSON.stringify(value));
}
