#!/usr/bin/env node
// Runs the program. It is in the package for this system, which npm installed as an optional dependency.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

function findProgram() {
    const name = `@keymint/${process.platform}-${process.arch}`;
    try {
        return require.resolve(`${name}/keymint${process.platform === "win32" ? ".exe" : ""}`);
    } catch {
        console.error(`error: the package ${name} is not installed`);
        console.error("Install keymint again without --omit=optional. If npm has no such package, build keymint with Rust.");
        process.exit(1);
    }
}

let child;
// A terminal sends these signals to the program as well. A second one would make it give up a key that is being created.
const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
const sentByTerminal = ["SIGINT", "SIGQUIT", "SIGHUP"];
for (const signal of [...sentByTerminal, "SIGTERM", "SIGUSR1", "SIGUSR2"]) {
    process.on(signal, () => {
        if (!hasTerminal || !sentByTerminal.includes(signal)) child.kill(signal);
    });
}

child = spawn(findProgram(), process.argv.slice(2), { stdio: "inherit" });
child.on("error", (error) => {
    console.error(`error: the program does not start: ${error.message}`);
    process.exit(1);
});
child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    // The exit code after a signal that does not end Node.
    process.exitCode = 128 + constants.signals[signal];
    // SIGUSR1 would start the debugger of Node.
    if (signal === "SIGUSR1") return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
});
