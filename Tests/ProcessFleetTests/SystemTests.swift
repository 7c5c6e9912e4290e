import CLinux
import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import ProcessFleet

@Suite final class SystemTests {
  private let directory = TemporaryDirectory.make()

  deinit { TemporaryDirectory.remove(directory) }

  @Test(arguments: ["127.0.0.1:8080", "0.0.0.0:0", "[::1]:65535", "[2001:db8::1]:80"])
  func `an address reads back as it is written`(_ text: String) {
    #expect(SocketAddress(text)?.description == text)
  }

  @Test(arguments: [
    "", ":80", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
    "::1:80", "[127.0.0.1]:80", "[::1]", "1.2.3:80", "127.0.0.1:80 ",
  ])
  func `what is no numeric address is none`(_ text: String) {
    #expect(SocketAddress(text) == nil)
  }

  @Test func `a log is emptied in place while its writer goes on, and its copies are few`() throws {
    let path = directory + "/a.log"
    let writer = try LogFile.open(path)
    for round in 1...4 {
      try Files.write(Array("round \(round) is long\n".utf8), to: writer, path)
      LogFile.rotateIfLarge(path, limit: 10)
      try Files.write(Array("\(round)\n".utf8), to: writer, path)
    }
    #expect(String(contentsOfFile: path) == "4\n")
    #expect(String(contentsOfFile: path + ".1") == "3\nround 4 is long\n")
    #expect(String(contentsOfFile: path + ".2") == "2\nround 3 is long\n")
    #expect(try Files.names(in: directory) == ["a.log", "a.log.1", "a.log.2"])
    #expect(LogFile.tail(path + ".2", limit: 5) == "long\n")
  }

  @Test func `a private directory is closed to others, and a link to one is refused`() throws {
    let path = directory + "/one/two"
    try Files.makePrivateDirectory(path)
    #expect(try FileStatus(path).permissions == 0o700)
    chmod(path, 0o755)
    try Files.makePrivateDirectory(path)
    #expect(try FileStatus(path).permissions == 0o700)
    try #require(symlink(path, directory + "/link") == 0)
    let error = #expect(throws: SystemError.self) {
      try Files.makePrivateDirectory(directory + "/link")
    }
    #expect(error?.number == ENOTDIR)
  }

  @Test func `whoever listens at all addresses holds each of them`() throws {
    let wildcard = try ListeningSocket.bind(
      to: SocketAddress(host: .ipv4([0, 0, 0, 0]), port: 0), backlog: 1)
    let wanted = SocketAddress.anyLoopback.at(port: wildcard.address.port)
    let error = #expect(throws: SystemError.self) {
      try ListeningSocket.bind(to: wanted, backlog: 1)
    }
    #expect(error?.number == EADDRINUSE)
    #expect(PortHolder.sentence(for: wanted).contains("is held by pid \(getpid()) ("))
  }

  @Test func `a process is itself, and with another start time it is dead`() throws {
    let here = try HostIdentity.current()
    let startTime = try #require(ProcessTable.startTime(of: getpid()))
    let process = ProcessIdentity(pid: getpid(), startTime: startTime, host: here)
    guard case .present = process.look(from: here) else {
      Issue.record("this process runs")
      return
    }
    var other = process
    other.startTime += 1
    guard case .dead = other.look(from: here) else {
      Issue.record("no process has this pid and that start time")
      return
    }
    let rebooted = HostIdentity(bootID: "other", pidNamespace: here.pidNamespace)
    guard case .dead = process.look(from: rebooted) else {
      Issue.record("the process belongs to another boot")
      return
    }
    let elsewhere = HostIdentity(bootID: here.bootID, pidNamespace: 1)
    guard case .unknown = process.look(from: elsewhere) else {
      Issue.record("nothing can be said across pid namespaces")
      return
    }
  }

  @Test func `a child that is not let go executes nothing`() throws {
    let output = directory + "/output"
    let null = try Descriptor.checked(open("/dev/null", O_RDWR | O_CLOEXEC), "open")
    let shell = try Descriptor.checked(open("/bin/sh", O_RDONLY | O_CLOEXEC), "open")
    let order = SpawnOrder(
      executable: shell, arguments: ["sh", "-c", "echo ran > \(output)"], environment: [],
      input: null, output: null, flags: .newSession)
    var child: WaitingChild? = try WaitingChild(order)
    let pid = try #require(child?.pid)
    child = nil
    #expect(Processes.isGone(pid))
    #expect(access(output, F_OK) != 0)

    let second = try WaitingChild(order)
    let pidfd = try second.release()
    #expect(pidfd.waitUntilReadable(milliseconds: 60_000))
    #expect(ExitReport.peek(pidfd) == ExitReport(code: 0))
    #expect(clinux_reap(second.pid) == 1)
    #expect(String(contentsOfFile: output) == "ran\n")
  }

  @Test func `a request and a reading are the same after the socket`() throws {
    let requests: [ShimRequest] = [
      .read, .leave, .forget("a"), .stop("a", patience: .seconds(40)),
      .configure(
        listeners: [ListenerSpecification(name: "http", address: .anyLoopback)], backlog: 7),
      .start(
        InstanceOrder(
          id: "a", release: try #require(Version("1.2.3")), arguments: ["x", "y z"],
          environment: ["A=b\"c"], directory: "/", isScript: true)),
    ]
    for request in requests {
      let json = try JSONValue.parse(request.json.bytes)
      #expect(try ShimRequest(json: json) == request)
    }
    let reading = ShimReading(
      shim: 1, listeners: [ListenerReading(name: "http", address: .anyLoopback, revivals: 2)],
      instances: [
        ShimInstance(
          id: "a", release: try #require(Version("1.0.0")), pid: 5, life: .dead,
          isDraining: false, wasKilled: true, privateAddress: .anyLoopback, log: "/l",
          exit: ExitReport(signal: 9), detail: "d")
      ])
    #expect(try ShimReading(json: JSONValue.parse(reading.json.bytes)) == reading)
    #expect(try ShimRequest(json: ["command": "dance"]) == nil)
  }
}
