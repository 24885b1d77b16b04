// One session in a Node process: cookie-session, and express-session with its memory store. Asked by one_session.py over
// the standard input: the sessions come first, as JSON; then lines of a task's number and how often, each answered with
// the CPU time in seconds.
"use strict";

const http = require("http");
const net = require("net");
const readline = require("readline");
const cookieSession = require("cookie-session");
const expressSession = require("express-session");

// The libraries ask whether it is encrypted.
const SOCKET = new net.Socket();
const KEY = "4f8a3b1c9d2e7f605142839fbacde0175b6c7d8e9f0a1b2c3d4e5f6071829304";

// A request and a response without a socket; resolves to the cookies that are set.
function exchange(middleware, cookie, handler) {
  return new Promise((resolve, reject) => {
    const request = new http.IncomingMessage(SOCKET);
    request.method = "GET";
    request.url = request.originalUrl = "/";
    if (cookie) request.headers.cookie = cookie;
    const response = new http.ServerResponse(request);
    response.end = () => {
      if (!response.headersSent) response.writeHead(200);
      resolve(response.getHeader("set-cookie"));
    };
    middleware(request, response, (error) => {
      if (error) return reject(error);
      handler(request.session);
      response.end();
    });
  });
}

// What an exchange contains that is not the session's.
const without = (request, response, next) => { request.session = {}; next(); };
const CONTESTANTS = [
  ["cookie-session", "cookie", cookieSession({ keys: [KEY] })],
  ["express-session", "memory", expressSession({ secret: KEY, resave: false, saveUninitialized: false })],
];

async function prepare(sessions) {
  const tasks = [];
  for (const [size, data] of Object.entries(sessions)) {
    for (const [who, place, middleware] of CONTESTANTS) {
      const set = await exchange(middleware, "", (session) => Object.assign(session, data));
      if (!set) throw new Error(`${who} sets no cookie`);
      const cookie = [].concat(set).map((value) => value.split(";")[0]).join("; ");
      let next = 1000;
      const save = () => exchange(middleware, cookie, (session) => { session.visits = next++; });
      const read = () => exchange(middleware, cookie, (session) => {
        if (!(session.visits >= 17)) throw new Error(`${who} reads nothing`);
      });
      tasks.push([`${place}: open and save`, size, who, save]);
      tasks.push([`${place}: read one value`, size, who, read]);
      tasks.push(["without", size, who, () => exchange(without, cookie, () => {})]);
    }
  }
  return tasks;
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const tasks = await prepare(JSON.parse((await lines.next()).value));
  const versions = { Node: process.version.slice(1) };
  for (const name of ["cookie-session", "express-session"]) versions[name] = require(`${name}/package.json`).version;
  console.log(JSON.stringify({ tasks: tasks.map((task) => task.slice(0, 3)), versions, missing: [] }));
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const [task, times] = line.value.split(" ").map(Number);
    const before = process.cpuUsage();
    for (let time = 0; time < times; time++) await tasks[task][3]();
    const used = process.cpuUsage(before);
    console.log((used.user + used.system) / 1e6);
  }
}

main();
