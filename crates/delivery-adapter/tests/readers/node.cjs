// Prints what node (as with --env-file) or npm's dotenv sees: node.cjs READER LIST NAME
const fs = require("node:fs");

const [reader, list, name] = process.argv.slice(2);
const readers = {
    node(file) {
        for (const known of Object.keys(process.env)) delete process.env[known];
        process.loadEnvFile(file);
        return process.env[name];
    },
    dotenv: (file) => require("dotenv").parse(fs.readFileSync(file))[name],
};
const files = fs.readFileSync(list, "utf8").split("\n").slice(0, -1);
const values = files.map((file) => (readers[reader](file) ?? "") + "\0");
fs.writeFileSync(1, values.join(""));
