"""Three servers behind nginx, restarted one after the other under load. See scripts/try_rolling_restart."""
import http.client
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from serving import Server, write_chat_model

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream limpid {{ hash $http_authorization consistent; {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://limpid; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host localhost;
            proxy_buffering off; proxy_next_upstream error timeout http_503 non_idempotent; proxy_next_upstream_tries 3;
        }}
    }}
}}
"""


def main():
    if not NGINX:
        print("nginx is not installed", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as folder:
        model = write_chat_model(pathlib.Path(folder) / "toy")
        ports = []
        servers = []
        for _ in range(3):
            servers.append(Server("-m", model, "--drain", 10))
            ports.append(servers[-1].port)
        proxy_port = 18080
        config = pathlib.Path(folder) / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, port=proxy_port, servers=" ".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;" for port in ports)))
        nginx = subprocess.Popen([NGINX, "-c", config, "-p", folder], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        done, lost, ended = [0], [], threading.Event()

        def ask(number):
            connection = http.client.HTTPConnection("127.0.0.1", proxy_port, timeout=60)
            while not ended.is_set():
                body = json.dumps({"prompt": f"client {number}", "max_tokens": 40, "stream": number % 2 == 0, "seed": number})
                try:
                    connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json", "Authorization": f"Bearer {number}"})
                    answer = connection.getresponse()
                    data = answer.read()
                    whole = answer.status == 200 and (number % 2 or data.endswith(b"data: [DONE]\n\n"))
                except (OSError, http.client.HTTPException) as error:
                    whole, data = False, repr(error).encode()
                    connection.close()
                done[0] += 1
                if not whole:
                    lost.append(data[:200])

        threads = [threading.Thread(target=ask, args=[number]) for number in range(12)]
        for thread in threads:
            thread.start()
        for place, port in enumerate(ports):
            time.sleep(1)
            assert servers[place].stop() == 0
            servers[place] = Server("-m", model, "--drain", 10, "--port", port)
        time.sleep(1)
        ended.set()
        for thread in threads:
            thread.join()
        for server in servers:
            server.stop()
        nginx.terminate()
        nginx.wait()
        print(f"{done[0]} requests while three servers were restarted, {len(lost)} lost {lost[:2]}")
        return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
