//! Lesson: a job in Zig. It needs no WASI: a program that exports `run` and its memory is enough.

const std = @import("std");

/// What the host gives, all of it under the import module `ampule`.
const host = struct {
    extern "ampule" fn kwargs_len() usize;
    extern "ampule" fn kwargs_read(to: [*]u8) void;
    extern "ampule" fn _return(json: [*]const u8, len: usize) void;
    extern "ampule" fn fail(json: [*]const u8, len: usize) void;
};

/// Not an integer type: std.json would take the string "3" and the float 1e3 for one.
const Kwargs = struct { testvar: std.json.Value };

const allocator = std.heap.wasm_allocator;

export fn run() void {
    add() catch |reason| fail(@errorName(reason));
}

fn add() !void {
    const kwargs = try readKwargs();
    const testvar = switch (kwargs.testvar) {
        // An i32 is read and an i64 is handed out, so that no sum can overflow.
        .integer => |integer| std.math.cast(i32, integer) orelse return error.LargeInteger,
        else => return error.OtherType,
    };
    const sum = @as(i64, testvar) + 5;
    returnNumber(sum);
    returnNumber(sum + 5);
}

/// Reads the kwargs object. Nothing is freed: the run's memory goes with the run.
fn readKwargs() !Kwargs {
    const json = try allocator.alloc(u8, host.kwargs_len());
    host.kwargs_read(json.ptr);
    return std.json.parseFromSliceLeaky(Kwargs, allocator, json, .{});
}

/// Hands a number out. May be called any number of times, and never ends the job.
fn returnNumber(number: i64) void {
    var buffer: [32]u8 = undefined;
    const json = std.fmt.bufPrint(&buffer, "{d}", .{number}) catch unreachable;
    host._return(json.ptr, json.len);
}

/// Says what went wrong. The run then fails, however it ends.
fn fail(reason: []const u8) void {
    var buffer: [256]u8 = undefined;
    const template =
        \\{{"type": "bad_kwargs", "message": "expected `testvar`, an integer, found {s}", "retry": false}}
    ;
    const json = std.fmt.bufPrint(&buffer, template, .{reason}) catch unreachable;
    host.fail(json.ptr, json.len);
}
