#!/usr/bin/env node
// Runs the program of the package for this system, which npm chose among the optional dependencies.
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
// A terminal signals the program as well, and a second signal would end it without its care.
const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
const ofTerminals = ["SIGINT", "SIGQUIT", "SIGHUP"];
for (const signal of [...ofTerminals, "SIGTERM", "SIGUSR1", "SIGUSR2"]) {
    process.on(signal, () => {
        if (!hasTerminal || !ofTerminals.includes(signal)) child.kill(signal);
    });
}

child = spawn(findProgram(), process.argv.slice(2), { stdio: "inherit" });
child.on("error", (error) => {
    console.error(`error: the program does not start: ${error.message}`);
    process.exit(1);
});
child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    // For the signals that Node ignores.
    process.exitCode = 128 + constants.signals[signal];
    // At SIGUSR1, Node would start its debugger.
    if (signal === "SIGUSR1") return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
});
